resource "google_storage_bucket" "releases" {
  project = var.project
  # Its region is in its name: when that is lost, there can be another one.
  name     = "${var.project}-releases-${var.region}"
  location = upper(var.region)
  labels   = { app = "berth" }

  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  # A release is 3 MB, and any of them may be gone back to: none is removed. What is named by its hash is never written twice;
  # should that happen all the same, what was there before is there still.
  versioning {
    enabled = true
  }

  # What an image was built of, which nobody asks for once it is there.
  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age            = 30
      matches_prefix = ["source/"]
    }
  }
}

resource "google_artifact_registry_repository" "images" {
  project       = var.project
  location      = var.region
  repository_id = "berth"
  description   = "What Berth itself is made of: the image of its streaming services, and what is built of its functions."
  format        = "DOCKER"
  labels        = { app = "berth" }

  # The last ten of each image, one of which is deployed and nine of which can be gone back to; and what is new.
  cleanup_policies {
    id     = "keep-the-last"
    action = "KEEP"

    most_recent_versions {
      keep_count = 10
    }
  }

  cleanup_policies {
    id     = "delete-the-old"
    action = "DELETE"

    condition {
      tag_state  = "ANY"
      older_than = "2592000s"
    }
  }
}
