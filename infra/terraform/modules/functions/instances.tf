output "instances_max" {
  description = "Cloud Run service → how many instances of it may run at once."
  value       = { for name, function in local.functions : google_cloudfunctions2_function.functions[name].name => function.instances_max }
}
