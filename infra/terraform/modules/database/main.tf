# All that the registry knows but the bytes. What it must be told of the documents the code says itself: documents.json is
# generated from shared/google/firestore-fields.ts.

locals {
  documents = jsondecode(file("${path.module}/documents.json"))
}

resource "google_firestore_database" "berth" {
  project     = var.project
  name        = var.name
  location_id = var.location

  # Standard: of the other edition's databases the indexes of single fields cannot be turned off.
  type             = "FIRESTORE_NATIVE"
  database_edition = "STANDARD"

  # Transactions lock what they read, and so wait for each other. With OPTIMISTIC each would do its work, and the slower ones
  # of a busy repository theirs again and again.
  concurrency_mode = "PESSIMISTIC"

  # For seven days it can be read, and copied, as it was in any minute of them.
  point_in_time_recovery_enablement = "POINT_IN_TIME_RECOVERY_ENABLED"

  # Three locks, since without it all images are bytes that nobody can name: the service refuses to delete it, Terraform
  # does not ask for that, and no plan that would is carried out.
  delete_protection_state = "DELETE_PROTECTION_ENABLED"
  deletion_policy         = "ABANDON"
  lifecycle {
    prevent_destroy = true
  }
}

# Kinds are the ids of collections, whatever the location and the project above them.
#
# No field is indexed. All lists go by the documents' ids, so an index would only be written with each document, and where
# values rise, as times do, its end would be a hot spot.
resource "google_firestore_field" "unindexed" {
  for_each = toset(local.documents.kinds)

  project    = var.project
  database   = google_firestore_database.berth.name
  collection = each.key
  field      = "*"

  index_config {}
}

# Documents that pass are deleted after their time, within a day or so. The code takes no notice of them from that time on.
# Such a field has a configuration of its own, which is why its index is turned off once more.
resource "google_firestore_field" "expiry" {
  for_each = toset(local.documents.expiring_kinds)

  project    = var.project
  database   = google_firestore_database.berth.name
  collection = each.key
  field      = local.documents.expiry_field

  ttl_config {}
  index_config {}
}

# Beside reading the past, for when the database itself is gone. Backups outlive it, and both are kept as long as they may be.
# Older than the seven days of deleted blobs, a backup tells of images whose blobs may have gone since.
resource "google_firestore_backup_schedule" "daily" {
  project   = var.project
  database  = google_firestore_database.berth.name
  retention = "${7 * 24 * 60 * 60}s"

  daily_recurrence {}
}

resource "google_firestore_backup_schedule" "weekly" {
  project   = var.project
  database  = google_firestore_database.berth.name
  retention = "${14 * 7 * 24 * 60 * 60}s"

  weekly_recurrence {
    day = "SUNDAY"
  }
}
