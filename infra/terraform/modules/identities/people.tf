# Groups of people who look after the registry, where there are any. What they do in the registry itself, as pushing and
# pulling, is said in its own policies.

locals {
  # Who may act as the account that releases may do what that may.
  operator_roles = [
    "roles/cloudbuild.builds.editor",
    "roles/serviceusage.serviceUsageConsumer",
    "roles/viewer",
  ]
  release_user_roles = [
    "roles/iam.serviceAccountTokenCreator",
    "roles/iam.serviceAccountUser",
  ]

  # gcloud looks whether the bucket is there, and writes into it.
  build_source_roles = [
    "roles/storage.legacyBucketReader",
    "roles/storage.objectUser",
  ]

  observer_roles = [
    "roles/logging.viewer",
    "roles/monitoring.viewer",
  ]

  operators = var.google_groups.operators == null ? [] : ["group:${var.google_groups.operators}"]
  observers = var.google_groups.observers == null ? [] : ["group:${var.google_groups.observers}"]
}

resource "google_project_iam_member" "operators" {
  for_each = { for pair in setproduct(local.operators, local.operator_roles) : pair[1] => pair[0] }

  project = var.project
  role    = each.key
  member  = each.value
}

resource "google_service_account_iam_member" "operators" {
  for_each = { for pair in setproduct(local.operators, local.release_user_roles) : pair[1] => pair[0] }

  service_account_id = google_service_account.account["release"].name
  role               = each.key
  member             = each.value
}

# `gcloud builds submit` puts there what is to be built. It would make the bucket itself, by this name and in this place, but
# making one is a right on all of the project, which nobody has for one name alone.
resource "google_storage_bucket" "build_sources" {
  project  = var.project
  name     = "${var.project}_cloudbuild"
  location = "US"
  labels   = { managed-by = "berth" }

  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  # Nobody asks for it when it is built.
  soft_delete_policy {
    retention_duration_seconds = 0
  }
  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age = 30
    }
  }
  force_destroy = true
}

resource "google_storage_bucket_iam_member" "operators_sources" {
  for_each = { for pair in setproduct(local.operators, local.build_source_roles) : pair[1] => pair[0] }

  bucket = google_storage_bucket.build_sources.name
  role   = each.key
  member = each.value
}

resource "google_secret_manager_secret_iam_member" "operators" {
  for_each = toset(local.operators)

  project   = var.project
  secret_id = var.secrets["admin-password"]
  role      = "roles/secretmanager.secretAccessor"
  member    = each.key
}

resource "google_project_iam_member" "observers" {
  for_each = { for pair in setproduct(local.observers, local.observer_roles) : pair[1] => pair[0] }

  project = var.project
  role    = each.key
  member  = each.value
}
