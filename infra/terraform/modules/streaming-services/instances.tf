locals {
  # Service → how many instances of it may run at once. One that may have more than the quota has is not deployed.
  instances_max = { for name, service in local.services : name => min(service.instances_max, var.instances_max) }
}

output "instances_max" {
  description = "Cloud Run service → how many instances of it may run at once."
  value       = { for name, maximum in local.instances_max : google_cloud_run_v2_service.services[name].name => maximum }
}
