# Who may do what in buckets. An object is written over by who may delete it, and so only the collector does either to a blob.

locals {
  # No role of Google's is exactly one of these. Who may not list is told of an object that is not there that it is forbidden, and
  # Berth has to know; what there is, all of them read in the database as well.
  object_roles = {
    adds     = ["storage.objects.create", "storage.objects.get", "storage.objects.list"]
    changes  = ["storage.objects.create", "storage.objects.delete", "storage.objects.get", "storage.objects.list"]
    collects = ["storage.objects.delete", "storage.objects.get", "storage.objects.list"]
  }

  # Kind of bucket → role → who has it. A large manifest is a blob, which is why readers add.
  bucket_rights = {
    blobs = {
      adds     = ["manifests", "blobs", "discovery", "uploads"]
      collects = ["collector"]
      reads    = ["urls"]
    }

    # What uploads are made of until they are blobs: joined there, copied from there, and deleted.
    staging = {
      changes = ["uploads"]
    }

    # What a crash left there without a record is written over.
    mirror = {
      changes  = ["mirror"]
      collects = ["collector"]
      reads    = ["urls"]
    }
  }

  # Kind → location → bucket. Mirrors upload nothing.
  buckets = {
    blobs   = var.blobs_buckets
    staging = { for location, bucket in var.staging_buckets : location => bucket if location != "mirror" }
    mirror  = var.mirror_bucket == null ? {} : { mirror = var.mirror_bucket }
  }

  bucket_bindings = merge([
    for kind, roles in local.bucket_rights : merge([
      for role, accounts in roles : merge([
        for account in accounts : {
          for location, bucket in local.buckets[kind] : "${kind}-${location}-${account}" => {
            bucket  = bucket
            role    = role
            account = account
          }
        }
      ]...)
    ]...)
  ]...)
}

resource "google_project_iam_custom_role" "objects" {
  for_each = local.object_roles

  project     = var.project
  role_id     = "berth_${each.key}"
  title       = "Berth: ${each.key} objects"
  description = "What a function of Berth that ${each.key} objects needs in a bucket."
  permissions = each.value
}

locals {
  bucket_roles = merge(
    { for name, role in google_project_iam_custom_role.objects : name => role.name },
    # storage.objects.get, and nothing else.
    { reads = "roles/storage.legacyObjectReader" },
  )
}

resource "google_storage_bucket_iam_member" "rights" {
  for_each = local.bucket_bindings

  bucket = each.value.bucket
  role   = local.bucket_roles[each.value.role]
  member = local.members[each.value.account]
}
