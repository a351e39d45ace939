# What has a server of its own: layers of any size, which no plain function can take, and bodies that are read only once it
# is known from whom they are. One image, of which each service begins another directory.

resource "google_cloud_run_v2_service" "services" {
  for_each = local.services

  project     = var.project
  location    = each.value.region
  name        = "berth-${each.key}"
  description = each.value.description
  labels      = { app = "berth", function = each.value.function }

  # Nobody comes past the load balancer, whose limits hold for all.
  ingress              = "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"
  default_uri_disabled = true

  # Google would take the token that docker sends for one of its own, and refuse it. They ask for a login themselves.
  invoker_iam_disabled = true

  # It holds nothing: all there is can be made again from the image. What holds data is protected.
  deletion_protection = false

  template {
    labels                           = { app = "berth", function = each.value.function }
    service_account                  = var.accounts[each.value.function]
    execution_environment            = each.value.execution_environment
    max_instance_request_concurrency = each.value.concurrency
    timeout                          = "${each.value.timeout_seconds}s"

    scaling {
      max_instance_count = local.instances_max[each.key]
    }

    containers {
      image = var.image
      # What the image begins with is Node; this is the file that it runs.
      args = ["${each.value.function}/index.cjs"]

      # HTTP/2 without TLS: over HTTP/1, Cloud Run takes 32 MiB of a request and no more.
      ports {
        name           = "h2c"
        container_port = 8080
      }

      resources {
        limits = { cpu = each.value.cpu, memory = each.value.memory }
        # Billed while requests are answered. Nothing that has to be done is left for afterwards.
        cpu_idle          = true
        startup_cpu_boost = true
      }

      # It listens a few tenths of a second after it began.
      startup_probe {
        period_seconds    = 1
        timeout_seconds   = 1
        failure_threshold = 30

        tcp_socket {
          port = 8080
        }
      }

      dynamic "env" {
        for_each = merge(var.environments[each.value.function], local.environment)

        content {
          name  = env.key
          value = env.value
        }
      }

      dynamic "env" {
        for_each = var.secret_environments[each.value.function]

        content {
          name = env.key

          value_source {
            secret_key_ref {
              secret = env.value
              # Of the instance's start: one that starts after a key was replaced has the new one.
              version = "latest"
            }
          }
        }
      }
    }
  }
}
