# Wakes the relay when a change is written. It comes at least once, late and in any order, and what it brings is not looked
# at: the relay reads the outbox itself. One that never comes is made up for by the sweep, every minute.
resource "google_eventarc_trigger" "outbox" {
  project = var.project
  name    = "berth-outbox"
  # It has to be where the database is, in a multi-region too, wherever the function is.
  location = var.trigger_location

  matching_criteria {
    attribute = "type"
    value     = "google.cloud.firestore.document.v1.created"
  }
  matching_criteria {
    attribute = "database"
    value     = var.database
  }
  matching_criteria {
    attribute = "document"
    operator  = "match-path-pattern"
    # Each of the two is one element of a path. The second, `-`, stands for all projects.
    value = "{location}/-/outbox/{id}"
  }

  # The only form that events of Firestore have. The path is in the headers, `ce-document`.
  event_data_content_type = "application/protobuf"

  destination {
    cloud_run_service {
      service = var.relay
      region  = var.region
      path    = "/"
    }
  }

  service_account = var.trigger_account

  depends_on = [google_project_iam_member.eventarc_agent]
}

# Google's own account for triggers. It gives itself this role at its first trigger, too late for that one.
resource "google_project_iam_member" "eventarc_agent" {
  project = var.project
  role    = "roles/eventarc.serviceAgent"
  member  = local.eventarc_agent
}

locals {
  eventarc_agent = "serviceAccount:service-${var.project_number}@gcp-sa-eventarc.iam.gserviceaccount.com"
}
