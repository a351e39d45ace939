# Who may know which secret, and who makes new ones.

locals {
  # Secret → who reads it: who has the variable of functions/settings.ts that it is, and no other.
  secret_readers = {
    token-key          = ["token"]
    token-public-keys  = ["token", "manifests", "blobs", "discovery", "uploads", "admin", "console", "mirror"]
    admin-hash         = ["token", "manifests", "blobs", "discovery", "uploads", "admin", "console", "mirror"]
    state-keys         = ["uploads"]
    url-key            = ["manifests", "blobs", "discovery", "mirror"]
    mirror-credentials = ["mirror"]
    # Those of people, and of the next rotation.
    admin-password = []
    token-next-key = []
    url-next-key   = []
  }

  # What the function `keys` makes anew. It reads them, too: what was announced and what signs has to fit.
  rotated_secrets = ["token-key", "token-next-key", "token-public-keys", "state-keys", "url-key", "url-next-key"]

  secret_bindings = merge([
    for secret, accounts in local.secret_readers : {
      for account in accounts : "${secret}-${account}" => { secret = secret, account = account }
    }
  ]...)
}

resource "google_secret_manager_secret_iam_member" "readers" {
  for_each = local.secret_bindings

  project   = var.project
  secret_id = var.secrets[each.value.secret]
  role      = "roles/secretmanager.secretAccessor"
  member    = local.members[each.value.account]
}

resource "google_secret_manager_secret_iam_member" "keys_reads" {
  for_each = toset(local.rotated_secrets)

  project   = var.project
  secret_id = var.secrets[each.key]
  role      = "roles/secretmanager.secretAccessor"
  member    = local.members["keys"]
}

# Adds versions, and destroys those that are over. It can neither delete a secret nor say who reads it.
resource "google_secret_manager_secret_iam_member" "keys_writes" {
  for_each = toset(local.rotated_secrets)

  project   = var.project
  secret_id = var.secrets[each.key]
  role      = "roles/secretmanager.secretVersionManager"
  member    = local.members["keys"]
}

# Keys by which addresses are signed. Cloud Storage does not let that be said of one account: whoever had this right could
# make himself a key of any account of the project, which is why no client ever reaches that function.
resource "google_project_iam_member" "keys_signs" {
  project = var.project
  role    = "roles/storage.hmacKeyAdmin"
  member  = local.members["keys"]
}
