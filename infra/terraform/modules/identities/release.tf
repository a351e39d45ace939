# Who releases. A release makes functions and says who may what, so whoever may release can get at everything: these roles
# together are an owner's but for billing and for deleting the project. What keeps it is who may start a build in its name
# (people.tf), and that no function runs as it.

locals {
  release_roles = [
    "roles/artifactregistry.admin",
    "roles/certificatemanager.owner",
    "roles/cloudbuild.builds.editor",
    "roles/cloudfunctions.admin",
    "roles/cloudscheduler.admin",
    "roles/compute.loadBalancerAdmin",
    "roles/compute.securityAdmin",
    "roles/datastore.owner",
    "roles/eventarc.admin",
    "roles/iam.roleAdmin",
    "roles/iam.serviceAccountAdmin",
    "roles/iam.serviceAccountUser",
    "roles/logging.admin",
    "roles/monitoring.admin",
    "roles/pubsub.admin",
    "roles/resourcemanager.projectIamAdmin",
    "roles/run.admin",
    "roles/secretmanager.admin",
    "roles/serviceusage.serviceUsageAdmin",
    "roles/storage.admin",
    "roles/storage.hmacKeyAdmin",
  ]
}

resource "google_project_iam_member" "release" {
  for_each = toset(local.release_roles)

  project = var.project
  role    = each.key
  member  = local.members["release"]
}

# Building runs what others wrote. So it is done by an account that can write images (modules/release), and get at nothing.
resource "google_project_iam_member" "builder_logs" {
  project = var.project
  role    = "roles/logging.logWriter"
  member  = local.members["builder"]
}

# Cloud Functions copies a function's source to a bucket of its own before it has it built.
resource "google_project_iam_member" "builder_sources" {
  project = var.project
  role    = "roles/storage.objectViewer"
  member  = local.members["builder"]

  condition {
    title       = "berth_sources"
    description = "What functions are built of, and no blobs."
    expression  = "resource.name.startsWith(\"projects/_/buckets/gcf-v2-sources-\")"
  }
}
