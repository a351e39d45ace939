# The plain functions: all from one archive, each with its own name as the target, its own account, and what it reads.

resource "google_cloudfunctions2_function" "functions" {
  for_each = local.functions

  project     = var.project
  location    = var.region
  name        = "berth-${each.key}"
  description = each.value.description
  labels      = { app = "berth", function = each.key }

  build_config {
    runtime     = "nodejs24"
    entry_point = each.key

    source {
      storage_source {
        bucket = var.source_archive.bucket
        object = var.source_archive.object
      }
    }

    # What is in the archive is built already, and has no script: what it depends on is installed, and nothing is run. But
    # installing runs what others wrote, so who builds may write images and read sources, and no more.
    service_account   = "projects/${var.project}/serviceAccounts/${var.accounts["builder"]}"
    docker_repository = var.repository
  }

  service_config {
    service_account_email            = var.accounts[each.key]
    available_memory                 = each.value.memory
    available_cpu                    = each.value.cpu
    max_instance_request_concurrency = each.value.concurrency
    max_instance_count               = local.instances_max[each.key]
    timeout_seconds                  = each.value.timeout_seconds

    # Nobody comes past the load balancer, whose limits hold for all. What no client asks for is not even behind that:
    # schedules, triggers and subscriptions of the project itself count as internal.
    ingress_settings = each.value.public ? "ALLOW_INTERNAL_AND_GCLB" : "ALLOW_INTERNAL_ONLY"

    environment_variables = merge(var.environments[each.key], local.environment)

    dynamic "secret_environment_variables" {
      for_each = var.secret_environments[each.key]

      content {
        key        = secret_environment_variables.key
        project_id = var.project
        secret     = secret_environment_variables.value
        # Of the instance's start: one that starts after a key was replaced has the new one.
        version = "latest"
      }
    }
  }
}

# Who may call. Those that clients ask are open to all as far as Google is concerned: it would take the token that docker sends for
# one of its own, and refuse it. They ask for a login themselves.
resource "google_cloud_run_service_iam_member" "invokers" {
  for_each = local.invokers

  project  = var.project
  location = var.region
  # A function's service has its name.
  service = google_cloudfunctions2_function.functions[each.value.function].name
  role    = "roles/run.invoker"
  member  = each.value.member
}
