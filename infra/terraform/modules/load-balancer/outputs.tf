output "addresses" {
  description = "The addresses that the domains point to."
  value       = { for family, address in google_compute_global_address.public : family => address.address }
}

output "dns_records" {
  description = "All records that the domains need: where they point, and by what Google knows that they are yours."
  value = concat(
    flatten([
      for domain in keys(local.certificate_names) : [
        { name = "${domain}.", type = "A", data = google_compute_global_address.public["ipv4"].address },
        { name = "${domain}.", type = "AAAA", data = google_compute_global_address.public["ipv6"].address },
      ]
    ]),
    [
      for authorization in google_certificate_manager_dns_authorization.domains : {
        name = authorization.dns_resource_record[0].name
        type = authorization.dns_resource_record[0].type
        data = authorization.dns_resource_record[0].data
      }
    ],
  )
}
