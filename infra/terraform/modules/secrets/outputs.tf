output "ids" {
  description = "Short name → the id of the secret."
  value       = { for name, secret in google_secret_manager_secret.secret : name => secret.id }
}

output "names" {
  description = "Short name → what the secret is called in the project."
  value       = { for name, secret in google_secret_manager_secret.secret : name => secret.secret_id }
}

output "variables" {
  description = "Variable → what the secret is called that functions are given by that name."
  value       = { for variable, name in local.variables : variable => google_secret_manager_secret.secret[name].secret_id }
}
