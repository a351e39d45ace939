resource "google_project_service" "needed" {
  for_each = toset([
    "artifactregistry.googleapis.com",
    "billingbudgets.googleapis.com",
    "certificatemanager.googleapis.com",
    # Of which billing account a budget is made.
    "cloudbilling.googleapis.com",
    "cloudbuild.googleapis.com",
    "cloudfunctions.googleapis.com",
    "cloudresourcemanager.googleapis.com",
    "cloudscheduler.googleapis.com",
    "compute.googleapis.com",
    "eventarc.googleapis.com",
    "eventarcpublishing.googleapis.com",
    "firestore.googleapis.com",
    "iam.googleapis.com",
    # By which operators borrow the account that releases.
    "iamcredentials.googleapis.com",
    "logging.googleapis.com",
    "monitoring.googleapis.com",
    "pubsub.googleapis.com",
    "run.googleapis.com",
    "secretmanager.googleapis.com",
    "storage.googleapis.com",
  ])

  project = var.project
  service = each.key

  # Whoever removes Berth may use them for something else.
  disable_on_destroy = false
}

# Google's own accounts in it are named by its number.
data "google_project" "registry" {
  project_id = var.project
}

# Some of these accounts are made only when they are first needed, and can do nothing for minutes after that: what needs them would
# fail the first time. So they are made at the beginning, which the provider has only in its beta.
resource "terraform_data" "service_agents" {
  for_each = toset(["eventarc.googleapis.com", "pubsub.googleapis.com"])

  triggers_replace = [var.project]

  provisioner "local-exec" {
    command = "gcloud beta services identity create --service=${each.key} --project=${var.project} --quiet"
  }

  depends_on = [google_project_service.needed]
}
