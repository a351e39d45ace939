# What runs by itself. Each job calls a function that nobody but the scheduler's account may call, at its own address: it is
# not behind the load balancer. Cloud Scheduler calls once or, rarely, twice, which all of them bear.

locals {
  jobs = {
    # Tells changes whose trigger did not come, or whose relay died. One that fails is made up for by the next.
    sweep = {
      description = "Publishes what is left in the outbox"
      function    = "events"
      path        = "/sweep"
      schedule    = "* * * * *"
      deadline    = "300s"
      retries     = 0
    }

    # Looks whether what lost a user is still wanted. Its work follows what was changed, so most runs find nothing to do. While
    # one runs, no other begins.
    collect = {
      description = "Deletes blobs that no image names any more"
      function    = "collector"
      path        = "/"
      schedule    = "*/10 * * * *"
      deadline    = "1800s"
      retries     = 0
    }

    # A key signs for 90 days, which the function looks after itself. Asked for each day, it is hardly late with it, and completes
    # soon what a run that failed had begun.
    rotate-keys = {
      description = "Makes new keys for tokens, uploads and addresses of blobs, when it is time"
      function    = "keys"
      path        = "/"
      schedule    = "0 3 * * *"
      deadline    = "300s"
      retries     = 5
    }
  }
}

resource "google_cloud_scheduler_job" "job" {
  for_each = local.jobs

  project     = var.project
  region      = var.region
  name        = "berth-${each.key}"
  description = each.value.description

  schedule  = each.value.schedule
  time_zone = "Etc/UTC"

  attempt_deadline = each.value.deadline
  retry_config {
    retry_count          = each.value.retries
    min_backoff_duration = "60s"
    max_backoff_duration = "3600s"
  }

  http_target {
    http_method = "POST"
    uri         = "${var.functions[each.value.function]}${each.value.path}"

    # Cloud Run looks who calls, and that the token is meant for this function.
    oidc_token {
      service_account_email = var.account
      audience              = var.functions[each.value.function]
    }
  }
}
