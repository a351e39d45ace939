# A certificate for each domain, which Google makes and renews. It asks the DNS for a record that only the domain's owner can
# put there, so the certificate is there before the domain points here: a registry moves in without an hour of errors.

locals {
  # Domain → what it is called here: names are short, and a dot in one is a hyphen in another.
  certificate_names = {
    for domain in concat(keys(var.domains), var.mirror_domains) :
    domain => "berth-${trim(substr(replace(domain, ".", "-"), 0, 40), "-")}-${substr(sha256(domain), 0, 8)}"
  }
}

resource "google_certificate_manager_dns_authorization" "domains" {
  for_each = local.certificate_names

  project = var.project
  name    = each.value
  domain  = each.key
}

resource "google_certificate_manager_certificate" "domains" {
  for_each = local.certificate_names

  project = var.project
  name    = each.value

  managed {
    domains            = [each.key]
    dns_authorizations = [google_certificate_manager_dns_authorization.domains[each.key].id]
  }
}

resource "google_certificate_manager_certificate_map" "domains" {
  project = var.project
  name    = "berth"
}

resource "google_certificate_manager_certificate_map_entry" "domains" {
  for_each = local.certificate_names

  project      = var.project
  name         = each.value
  map          = google_certificate_manager_certificate_map.domains.name
  hostname     = each.key
  certificates = [google_certificate_manager_certificate.domains[each.key].id]
}
