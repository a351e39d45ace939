# How a change is told. It is written into the outbox with the change itself; a trigger wakes the relay, which publishes it;
# Pub/Sub sends it to who wants to know.
#
#   outbox (Firestore) → trigger → events (function) → topic gcr → subscriptions → services
#                                                                        └→ dead letters

# Of gcr.io's name, so that what listened there listens here unchanged.
resource "google_pubsub_topic" "changes" {
  project = var.project
  name    = "gcr"

  # A subscription that is new, or had a fault, can go back so far (`gcloud pubsub subscriptions seek`).
  message_retention_duration = local.week

  # Subscriptions that others made are cut off from it for good when it goes.
  lifecycle {
    prevent_destroy = true
  }
}

locals {
  week = "${7 * 24 * 60 * 60}s"
}
