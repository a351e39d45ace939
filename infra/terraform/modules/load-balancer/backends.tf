# What the load balancer hands requests to. What one function waits for, and how long, is said where it runs: a backend that
# is serverless has no timeout, no named port and no health check.

resource "google_compute_region_network_endpoint_group" "services" {
  for_each = local.services

  project = var.project
  # It cannot be changed, and not removed while it is used: another service is another group, beside it.
  name                  = "berth-${each.key}-${substr(sha256("${each.value.region}/${each.value.name}"), 0, 8)}"
  region                = each.value.region
  network_endpoint_type = "SERVERLESS"

  cloud_run {
    service = each.value.name
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "google_compute_backend_service" "services" {
  for_each = local.services

  project               = var.project
  name                  = "berth-${each.key}"
  description           = "Berth: ${each.key}"
  load_balancing_scheme = "EXTERNAL_MANAGED"
  protocol              = "HTTPS"
  security_policy       = google_compute_security_policy.throttle.id

  backend {
    group = google_compute_region_network_endpoint_group.services[each.key].id
  }

  log_config {
    enable      = var.log_sample_rate > 0
    sample_rate = var.log_sample_rate > 0 ? var.log_sample_rate : null
  }

  # One that is no longer named is removed once the URL map names it no longer.
  lifecycle {
    create_before_destroy = true
  }
}

# How many requests one address may make. Guessing of passwords is slowed down by the functions themselves, name by name;
# this is against floods, which would cost money. Behind one address there may be a whole cluster, and docker does not try
# again when it is told 429: so nobody who pulls should ever meet it.
resource "google_compute_security_policy" "throttle" {
  project     = var.project
  name        = "berth"
  description = "How much one address may ask of Berth."
  type        = "CLOUD_ARMOR"

  # A pull asks for a token once or twice. The default leaves room for 5,000 nodes behind one address that all start
  # something new within the same minute.
  rule {
    description = "Tokens: each costs a signature, and perhaps the hash of a password."
    priority    = 1000
    action      = "throttle"
    preview     = var.throttle.preview

    match {
      expr {
        expression = "request.path == '/v2/token' || request.path == '/v2/token/revoke'"
      }
    }

    rate_limit_options {
      enforce_on_key = "IP"
      conform_action = "allow"
      exceed_action  = "deny(429)"

      rate_limit_threshold {
        count        = var.throttle.tokens_per_minute
        interval_sec = 60
      }
    }
  }

  # The same nodes ask for a manifest, a config and a dozen layers each. It is counted for each backend by itself.
  rule {
    description = "All else."
    priority    = 2000
    action      = "throttle"
    preview     = var.throttle.preview

    match {
      versioned_expr = "SRC_IPS_V1"

      config {
        src_ip_ranges = ["*"]
      }
    }

    rate_limit_options {
      enforce_on_key = "IP"
      conform_action = "allow"
      exceed_action  = "deny(429)"

      rate_limit_threshold {
        count        = var.throttle.requests_per_minute
        interval_sec = 60
      }
    }
  }

  rule {
    description = "What a policy must end with."
    priority    = 2147483647
    action      = "allow"

    match {
      versioned_expr = "SRC_IPS_V1"

      config {
        src_ip_ranges = ["*"]
      }
    }
  }
}
