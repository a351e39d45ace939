# What is deployed, and where it is kept: the functions' archive in a bucket, images in a repository. A release is named by
# what it is made of. It is either given (a build gives what it has tested, a rollback what was there before), or made of
# this checkout, where that was not done before.

locals {
  checkout = "${path.module}/../../../.."

  # All that ends up in what is deployed (infra/release/source-id.ts computes the same).
  sources = sort(concat(
    ["package.json", "package-lock.json"],
    flatten([
      for folder in ["functions", "shared", "infra/bundle", "infra/image"] :
      [for file in fileset("${local.checkout}/${folder}", "**") : "${folder}/${file}"]
    ]),
  ))
  id = sha256(join("", [for file in local.sources : "${file} ${filesha256("${local.checkout}/${file}")}\n"]))

  release = var.release == null ? jsondecode(data.google_storage_bucket_object_content.release[0].content) : var.release
}

# Bundles, uploads and builds, unless that was done before.
resource "terraform_data" "release" {
  count = var.release == null ? 1 : 0

  triggers_replace = [local.id, google_storage_bucket.releases.name, google_artifact_registry_repository.images.id]

  provisioner "local-exec" {
    working_dir = local.checkout
    command = join(" ", [
      "npm run release --",
      "--project ${var.project}",
      "--region ${var.region}",
      "--bucket ${google_storage_bucket.releases.name}",
      "--repository ${google_artifact_registry_repository.images.repository_id}",
      "--account ${var.builder}",
      "--id ${local.id}",
    ])
  }

  # Who builds has to be able to.
  depends_on = [
    google_artifact_registry_repository_iam_member.builder,
    google_storage_bucket_iam_member.builder,
  ]
}

# What became of it.
data "google_storage_bucket_object_content" "release" {
  count = var.release == null ? 1 : 0

  bucket = google_storage_bucket.releases.name
  name   = "releases/${local.id}.json"

  depends_on = [terraform_data.release]
}
