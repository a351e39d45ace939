resource "google_storage_bucket" "blobs" {
  for_each = local.own_buckets

  project  = var.project
  name     = "${var.project}-blobs-${each.key}"
  location = each.value
  labels   = merge(local.labels, { holds = "blobs", location = each.key })

  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  # A registry is mostly images that nobody pulls any more. For a small fee per object Autoclass moves those to classes that
  # cost less, and takes nothing for reading them there or for deleting them early, as the collector does; each class answers
  # within milliseconds. What comes from staging is Standard in either bucket, which is what lets it move without its bytes.
  storage_class = "STANDARD"
  autoclass {
    enabled                = true
    terminal_storage_class = "ARCHIVE"
  }

  # The net below the collector: what it deletes can be brought back for as long as the database can be read as it was.
  soft_delete_policy {
    retention_duration_seconds = 7 * 24 * 60 * 60
  }

  # An object's name is the digest of its bytes: there are no two versions of it, and what is deleted is kept as above.
  versioning {
    enabled = false
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

  force_destroy = false
  lifecycle {
    prevent_destroy = true
  }
}

# What mirrors keep their upstreams have, too. So what is deleted here is fetched again when it is next asked for, and
# neither kept for seven days nor protected: whoever wants no mirror any more takes the bucket away with it.
resource "google_storage_bucket" "mirrored_blobs" {
  count = contains(keys(var.buckets), "mirror") ? 1 : 0

  project  = var.project
  name     = "${var.project}-blobs-mirror"
  location = var.buckets["mirror"]
  labels   = merge(local.labels, { holds = "copies", location = "mirror" })

  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  # Not Autoclass: what is not pulled for a while is deleted.
  storage_class = "STANDARD"

  soft_delete_policy {
    retention_duration_seconds = 0
  }

  versioning {
    enabled = false
  }

  force_destroy = true
}
