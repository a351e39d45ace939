output "dashboard" {
  description = "Where the dashboard is, in the console."
  value       = "https://console.cloud.google.com/monitoring/dashboards/builder/${basename(google_monitoring_dashboard.berth.id)}?project=${var.project}"
}
