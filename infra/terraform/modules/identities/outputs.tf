output "accounts" {
  description = "Name → the e-mail address of the service account: one for each function, and keys, scheduler, trigger, urls, release, builder."
  value       = { for name, account in google_service_account.account : name => account.email }
}

output "unique_ids" {
  description = "Name → the number that Google knows the service account by."
  value       = { for name, account in google_service_account.account : name => account.unique_id }
}
