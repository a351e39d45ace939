# The only way in: one address for IPv4 and one for IPv6, TLS, and the URL map. All functions take nothing but what comes
# through here.

locals {
  families = {
    ipv4 = "IPV4"
    ipv6 = "IPV6"
  }
}

resource "google_compute_global_address" "public" {
  for_each = local.families

  project    = var.project
  name       = "berth-${each.key}"
  ip_version = each.value
}

resource "google_compute_url_map" "registry" {
  project     = var.project
  name        = "berth"
  description = "Made from the route table of Berth."

  # Who calls the registry by a name that is not its own: a server of our own tells that there is nothing.
  default_service = google_compute_backend_service.services[local.url_map.default].id

  dynamic "host_rule" {
    for_each = local.path_matchers

    content {
      hosts        = host_rule.value.hosts
      path_matcher = host_rule.key
    }
  }

  dynamic "path_matcher" {
    for_each = local.path_matchers

    content {
      name            = path_matcher.key
      default_service = google_compute_backend_service.services[path_matcher.value.default].id

      dynamic "route_rules" {
        for_each = path_matcher.value.rules

        content {
          priority = route_rules.value.priority
          service  = google_compute_backend_service.services[route_rules.value.backend].id

          dynamic "match_rules" {
            for_each = route_rules.value.matches

            content {
              full_path_match     = try(match_rules.value.full_path, null)
              prefix_match        = try(match_rules.value.prefix, null)
              path_template_match = try(match_rules.value.path_template, null)

              dynamic "header_matches" {
                for_each = can(match_rules.value.method) ? [match_rules.value.method] : []

                content {
                  header_name = ":method"
                  exact_match = header_matches.value
                }
              }

              dynamic "header_matches" {
                for_each = can(match_rules.value.header_present) ? [match_rules.value.header_present] : []

                content {
                  header_name   = header_matches.value
                  present_match = true
                }
              }

              dynamic "query_parameter_matches" {
                for_each = can(match_rules.value.query_present) ? [match_rules.value.query_present] : []

                content {
                  name          = query_parameter_matches.value
                  present_match = true
                }
              }
            }
          }
        }
      }
    }
  }

  # A map that does not do what these say is not taken.
  dynamic "test" {
    for_each = local.tests

    content {
      description = test.value.description
      host        = test.value.host
      path        = test.value.path
      service     = google_compute_backend_service.services[test.value.backend].id

      dynamic "headers" {
        for_each = test.value.headers

        content {
          name  = headers.key
          value = headers.value
        }
      }
    }
  }
}

resource "google_compute_ssl_policy" "modern" {
  project         = var.project
  name            = "berth"
  profile         = "MODERN"
  min_tls_version = "TLS_1_2"
}

resource "google_compute_target_https_proxy" "registry" {
  project         = var.project
  name            = "berth"
  url_map         = google_compute_url_map.registry.id
  certificate_map = "//certificatemanager.googleapis.com/${google_certificate_manager_certificate_map.domains.id}"
  ssl_policy      = google_compute_ssl_policy.modern.id
}

resource "google_compute_global_forwarding_rule" "https" {
  for_each = local.families

  project               = var.project
  name                  = "berth-https-${each.key}"
  load_balancing_scheme = "EXTERNAL_MANAGED"
  ip_address            = google_compute_global_address.public[each.key].id
  ip_protocol           = "TCP"
  port_range            = "443"
  target                = google_compute_target_https_proxy.registry.id
}

# Who asks in the clear is sent to HTTPS, with the same method.
resource "google_compute_url_map" "redirect" {
  project = var.project
  name    = "berth-redirect"

  default_url_redirect {
    https_redirect         = true
    redirect_response_code = "PERMANENT_REDIRECT"
    strip_query            = false
  }
}

resource "google_compute_target_http_proxy" "redirect" {
  project = var.project
  name    = "berth-redirect"
  url_map = google_compute_url_map.redirect.id
}

resource "google_compute_global_forwarding_rule" "http" {
  for_each = local.families

  project               = var.project
  name                  = "berth-http-${each.key}"
  load_balancing_scheme = "EXTERNAL_MANAGED"
  ip_address            = google_compute_global_address.public[each.key].id
  ip_protocol           = "TCP"
  port_range            = "80"
  target                = google_compute_target_http_proxy.redirect.id
}
