output "instances_max" {
  description = "Cloud Run service → how many instances of it may run at once."
  value       = { for name, service in local.services : google_cloud_run_v2_service.services[name].name => service.instances_max }
}
