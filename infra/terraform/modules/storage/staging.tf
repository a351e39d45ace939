resource "google_storage_bucket" "staging" {
  for_each = var.buckets

  project  = var.project
  name     = "${var.project}-staging-${each.key}"
  location = each.value
  labels   = merge(local.labels, { holds = "uploads", location = each.key })

  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  # The class that blobs begin with: a rewrite into another would copy.
  storage_class = "STANDARD"

  # Each part is deleted within hours of its upload, and would be paid for seven days more.
  soft_delete_policy {
    retention_duration_seconds = 0
  }

  versioning {
    enabled = false
  }

  # An upload session is forgotten after a day. What a crash or an unanswered call left of one goes a day later.
  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age = 2
    }
  }

  # No part of Berth begins such uploads. Whoever did would leave what no list shows.
  lifecycle_rule {
    action {
      type = "AbortIncompleteMultipartUpload"
    }
    condition {
      age = 2
    }
  }

  # A client whose upload ends with it begins again.
  force_destroy = true
}
