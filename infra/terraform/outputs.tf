output "addresses" {
  description = "The load balancer's addresses: an A and an AAAA record for each domain."
  value       = module.load_balancer.addresses
}

output "dns_records" {
  description = "All records that the domains need: those of the addresses, and those by which Google knows that the domains are yours before it makes certificates."
  value       = module.load_balancer.dns_records
}

output "admin_password" {
  description = "How to read the password of the user admin."
  value       = "gcloud secrets versions access latest --secret=${module.secrets.names["admin-password"]} --project=${var.project}"
}

output "rotate_keys" {
  description = "How to have the next keys sign at once. Where one has leaked: twice, and then all instances are to start anew (RECOVERY.md)."
  value       = "npm run rotate-keys -- --project ${var.project} --url-account ${module.identities.accounts["urls"]} --force"
}

output "release" {
  description = "What is deployed: give it as the variable release, to go back to it."
  value       = { functions = module.release.functions.object, image = module.release.image }
}

output "dead_letters" {
  description = "How to look at changes that a subscriber did not take, which are kept for a month."
  value       = "gcloud pubsub subscriptions pull ${module.events.dead_letters} --project=${var.project} --limit=100"
}

output "dashboard" {
  description = "Where the registry's figures are looked at, in the console."
  value       = module.observability.dashboard
}

output "release_bucket" {
  description = "Where the source of all releases lies, and the records of what was deployed."
  value       = module.release.functions.bucket
}

output "domains" {
  description = "The hosts by which clients call the registry: a release is tested on each."
  value       = keys(var.domains)
}
