# Two buckets for each location, in the same place: from one to the other no bytes move, a blob only changes its name.
#
#   blobs     what images are made of, each under its digest; only the collector deletes there
#   staging   what came of uploads that are not at their end; all of it passes by itself
#
# Nobody but the functions' accounts reads or writes them. Clients are sent to addresses that are signed, which public access
# prevention lets pass, and the console is served by a function: so there is nothing that CORS would be for.

locals {
  # Mirrors keep copies, by other rules.
  own_buckets = { for location, place in var.buckets : location => place if location != "mirror" }

  labels = { managed-by = "berth" }
}
