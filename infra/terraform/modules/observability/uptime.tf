# What clients ask first, asked from outside every five minutes, by the way they come: DNS, certificate, load balancer, function.
#
# A check is asked from three places, so 26,000 times a month; a million a month are free for a project. What the functions
# cost for them is less than $0.10 a month for each check, and none of the two reads Firestore. Besides, each keeps an
# instance of the function it asks in memory most of the time (`discovery` and `token`), which nobody promises: Cloud Run
# keeps an instance for up to a quarter of an hour after its last request, and does not bill it meanwhile.

locals {
  checks = merge(
    # Nobody is logged in: 401, with the challenge.
    { for domain in var.domains : "${domain}/v2/" => { host = domain, path = "/v2/", statuses = [401], content = "UNAUTHORIZED" } },
    { for domain in var.domains : "${domain}/.well-known/jwks.json" => { host = domain, path = "/.well-known/jwks.json", statuses = [200], content = "\"keys\"" } },
    # A mirror answers anyone, unless it asks for a login.
    { for domain in var.mirror_domains : "${domain}/v2/" => { host = domain, path = "/v2/", statuses = [200, 401], content = null } },
  )
}

resource "google_monitoring_uptime_check_config" "checks" {
  for_each = local.checks

  project      = var.project
  display_name = each.key
  period       = "300s"
  timeout      = "10s"
  checker_type = "STATIC_IP_CHECKERS"
  # As few as Google takes.
  selected_regions = ["USA_VIRGINIA", "EUROPE", "ASIA_PACIFIC"]

  monitored_resource {
    type = "uptime_url"
    labels = {
      project_id = var.project
      host       = each.value.host
    }
  }

  http_check {
    path         = each.value.path
    port         = 443
    use_ssl      = true
    validate_ssl = true

    dynamic "accepted_response_status_codes" {
      for_each = each.value.statuses

      content {
        status_value = accepted_response_status_codes.value
      }
    }
  }

  dynamic "content_matchers" {
    for_each = each.value.content == null ? [] : [each.value.content]

    content {
      content = content_matchers.value
      matcher = "CONTAINS_STRING"
    }
  }
}
