resource "google_pubsub_subscription" "subscriber" {
  for_each = var.subscribers

  project = var.project
  name    = "gcr-${each.key}"
  topic   = google_pubsub_topic.changes.id

  push_config {
    push_endpoint = each.value.endpoint

    dynamic "oidc_token" {
      for_each = each.value.service_account == null ? [] : [each.value.service_account]
      content {
        service_account_email = oidc_token.value
        # What the subscriber checks the token for: its own address, without parameters, which may be a secret.
        audience = split("?", each.value.endpoint)[0]
      }
    }
  }

  # The changes of a repository come one after another, each when the one before was taken.
  enable_message_ordering = true

  # So long a service may take to answer.
  ack_deadline_seconds = 60

  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }

  # With the pauses above, a message is tried for some 15 hours: a service that is down overnight misses nothing, and gets all
  # in order. One message that it never takes holds up its repository for so long, and no other.
  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.dead_letters.id
    max_delivery_attempts = 100
  }

  message_retention_duration = local.week

  # It stays when nothing was pushed for a month.
  expiration_policy {
    ttl = ""
  }

  # Pub/Sub must be able to set aside before it has something to.
  depends_on = [google_pubsub_topic_iam_member.dead_letters]
}

resource "google_pubsub_topic" "dead_letters" {
  project = var.project
  name    = "gcr-dead-letters"
}

# Keeps them as long as Pub/Sub keeps anything: a person looks what was not taken, and tells the subscriber.
resource "google_pubsub_subscription" "dead_letters" {
  project = var.project
  name    = "gcr-dead-letters"
  topic   = google_pubsub_topic.dead_letters.id

  message_retention_duration = "${31 * 24 * 60 * 60}s"

  expiration_policy {
    ttl = ""
  }

  lifecycle {
    prevent_destroy = true
  }
}

# It is Pub/Sub itself that sets a message aside: it publishes it there, and takes it from the subscription.
locals {
  pubsub_agent = "serviceAccount:service-${var.project_number}@gcp-sa-pubsub.iam.gserviceaccount.com"
}

resource "google_pubsub_topic_iam_member" "dead_letters" {
  project = var.project
  topic   = google_pubsub_topic.dead_letters.id
  role    = "roles/pubsub.publisher"
  member  = local.pubsub_agent
}

resource "google_pubsub_subscription_iam_member" "subscriber" {
  for_each = var.subscribers

  project      = var.project
  subscription = google_pubsub_subscription.subscriber[each.key].id
  role         = "roles/pubsub.subscriber"
  member       = local.pubsub_agent
}
