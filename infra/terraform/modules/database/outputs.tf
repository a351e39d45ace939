output "name" {
  description = "The database's id: BERTH_DATABASE."
  value       = google_firestore_database.berth.name
}
