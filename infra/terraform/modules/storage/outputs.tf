output "blobs_buckets" {
  description = "Location → the name of its bucket for blobs. Without that of mirrors."
  value       = { for location, bucket in google_storage_bucket.blobs : location => bucket.name }
}

output "staging_buckets" {
  description = "Location → the name of its bucket for uploads that are not at their end, with that of mirrors."
  value       = { for location, bucket in google_storage_bucket.staging : location => bucket.name }
}

output "mirror_bucket" {
  description = "The name of the bucket for what mirrors keep; null where there are none."
  value       = one(google_storage_bucket.mirrored_blobs[*].name)
}

output "blobs_bucket_template" {
  description = "The names of all buckets for blobs, with {location} in place of the location: BERTH_BLOBS_BUCKET."
  value       = "${var.project}-blobs-{location}"
}

output "staging_bucket_template" {
  description = "As blobs_bucket_template, of the buckets for uploads: BERTH_STAGING_BUCKET."
  value       = "${var.project}-staging-{location}"
}
