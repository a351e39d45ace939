# What nobody may know but who needs it. Terraform makes the secrets, and none of their versions: what it makes itself lies in
# its state, for everybody to read who releases. The first versions are made by `npm run first-keys`, the next ones by the
# function `keys`; those of mirror-credentials, and of another password, are added by people.

locals {
  # Variable → the secret whose newest version a function is given by that name when it starts.
  variables = {
    BERTH_TOKEN_KEY          = "token-key"
    BERTH_TOKEN_PUBLIC_KEYS  = "token-public-keys"
    BERTH_STATE_KEYS         = "state-keys"
    BERTH_URL_KEY            = "url-key"
    BERTH_ADMIN_HASH         = "admin-hash"
    BERTH_MIRROR_CREDENTIALS = "mirror-credentials"
  }

  # The keys that sign after the next rotation, which the function `keys` alone reads, and a password that people alone do.
  others = ["token-next-key", "url-next-key", "admin-password"]

  names = toset(concat(values(local.variables), local.others))
}

resource "google_secret_manager_secret" "secret" {
  for_each = local.names

  project   = var.project
  secret_id = each.key

  # No instance starts without its secrets, and instances start in each location. So they are everywhere, whichever region fails.
  replication {
    auto {}
  }

  # A version that was destroyed by mistake can be enabled for a week.
  version_destroy_ttl = "604800s"

  labels = { managed-by = "berth" }

  deletion_protection = true
}
