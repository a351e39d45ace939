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

# `gcloud builds submit` puts there what is to be built.
resource "google_project_iam_member" "operators_sources" {
  for_each = toset(local.operators)

  project = var.project
  role    = "roles/storage.admin"
  member  = each.key

  condition {
    title       = "berth_build_sources"
    description = "The bucket that builds are started from."
    expression  = "resource.name.startsWith(\"projects/_/buckets/${var.project}_cloudbuild\")"
  }
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
