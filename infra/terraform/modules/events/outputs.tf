output "topic" {
  description = "The id of the topic that changes are published on."
  value       = google_pubsub_topic.changes.id
}

output "topic_name" {
  description = "Its name alone: BERTH_TOPIC."
  value       = google_pubsub_topic.changes.name
}

output "dead_letters" {
  description = "The name of the subscription that keeps what a subscriber did not take."
  value       = google_pubsub_subscription.dead_letters.name
}
