locals {
  # Function → how many instances of it may run at once. One that may have more than the quota has is not deployed.
  instances_max = { for name, function in local.functions : name => min(function.instances_max, var.instances_max) }
}

output "instances_max" {
  description = "Cloud Run service → how many instances of it may run at once."
  value       = { for name, maximum in local.instances_max : google_cloudfunctions2_function.functions[name].name => maximum }
}
