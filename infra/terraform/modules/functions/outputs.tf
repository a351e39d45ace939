output "services" {
  description = "Function → the name of its Cloud Run service."
  value       = { for name, function in google_cloudfunctions2_function.functions : name => function.name }
}

output "uris" {
  description = "Function → its own address, by which schedules and triggers of the project call it."
  value       = { for name, function in google_cloudfunctions2_function.functions : name => function.service_config[0].uri }
}
