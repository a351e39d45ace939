output "functions" {
  description = "The archive that all functions are made of: its bucket, and its name there."
  value       = { bucket = google_storage_bucket.releases.name, object = local.release.functions }
}

output "image" {
  description = "The image of the streaming services, by its digest."
  value       = local.release.image
}

output "repository" {
  description = "The Docker repository that what is built of the functions goes to, by its id."
  value       = google_artifact_registry_repository.images.id

  # Whoever builds for it has to be able to.
  depends_on = [google_artifact_registry_repository_iam_member.builder]
}
