# Who may do what. Each function runs in the name of an account of its own, which may do what that function does and nothing
# else: whoever took one over would have that much. The tables here are the whole truth (test/terraform/identities.test.ts):
#
#   storage.tf   buckets                secrets.tf   secrets and keys
#   data.tf      database and events    people.tf    groups of people
#   release.tf   who releases, and who builds
#
# Who may call a function is said where the function is made; what Pub/Sub itself may, for letters that nobody took, in events.

locals {
  # Account → what it is for.
  accounts = {
    token     = "The function that issues tokens, and signs them"
    manifests = "The function that takes and gives manifests"
    blobs     = "The function that tells where blobs are"
    discovery = "The function that lists what there is"
    uploads   = "The service that takes blobs"
    mirror    = "The service that keeps what it pulls of other registries"
    admin     = "The service that changes policies and robots"
    console   = "The function that shows pages"
    events    = "The function that publishes changes"
    collector = "The function that deletes what nothing names any more"
    keys      = "The function that makes new keys"

    scheduler = "Calls functions by a schedule"
    trigger   = "Calls the function events when something has changed"
    urls      = "Nobody runs as this: by its key addresses of blobs are signed, and it may read them"
    release   = "Releases: makes all that is made here"
    builder   = "Builds what is released"
  }
}

resource "google_service_account" "account" {
  for_each = local.accounts

  project      = var.project
  account_id   = "berth-${each.key}"
  display_name = "Berth: ${each.key}"
  description  = each.value
}

locals {
  # Account → how it is named in a binding.
  members = { for name, account in google_service_account.account : name => "serviceAccount:${account.email}" }
}
