# Who makes a release, and who builds what is in it. What they may beside that is in modules/identities.

resource "google_storage_bucket_iam_member" "releaser" {
  bucket = google_storage_bucket.releases.name
  role   = "roles/storage.objectUser"
  member = "serviceAccount:${var.account}"
}

# An image is looked up by its digest before it is gone back to.
resource "google_artifact_registry_repository_iam_member" "releaser" {
  project    = var.project
  location   = var.region
  repository = google_artifact_registry_repository.images.repository_id
  role       = "roles/artifactregistry.reader"
  member     = "serviceAccount:${var.account}"
}

resource "google_storage_bucket_iam_member" "builder" {
  bucket = google_storage_bucket.releases.name
  role   = "roles/storage.objectViewer"
  member = "serviceAccount:${var.builder}"
}

resource "google_artifact_registry_repository_iam_member" "builder" {
  project    = var.project
  location   = var.region
  repository = google_artifact_registry_repository.images.repository_id
  role       = "roles/artifactregistry.writer"
  member     = "serviceAccount:${var.builder}"
}
