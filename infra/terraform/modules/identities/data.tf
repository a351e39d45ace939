# Who may read and write what is known of images, and who may tell of changes.

locals {
  # All that answers clients looks who they are, and writes down who failed to say it; the rest of what they do differs, but
  # not by what Firestore tells apart.
  database_users = ["token", "manifests", "blobs", "discovery", "uploads", "mirror", "admin", "console", "events", "collector"]

  publishers = ["events"]
}

resource "google_project_iam_member" "database" {
  for_each = toset(local.database_users)

  project = var.project
  role    = "roles/datastore.user"
  member  = local.members[each.key]

  # A database has no bindings of its own: the project's are for all that it has, but for this.
  condition {
    title       = "berth_database"
    description = "The registry's database alone."
    expression  = "resource.name == \"projects/${var.project}/databases/${var.database}\""
  }
}

resource "google_pubsub_topic_iam_member" "publishers" {
  for_each = toset(local.publishers)

  project = var.project
  topic   = var.topic
  role    = "roles/pubsub.publisher"
  member  = local.members[each.key]
}

# What wakes the function that publishes has to be told of what is written. What is in it, it is not told.
resource "google_project_iam_member" "trigger" {
  project = var.project
  role    = "roles/eventarc.eventReceiver"
  member  = local.members["trigger"]
}
