# Where things are. A location is a host's, as gcr.io, us.gcr.io and eu.gcr.io are: its images lie there, and are uploaded there.

locals {
  # Where Cloud Run runs for what is more than a region, or for a region that is lost.
  regions_of_multi_regions = merge({
    us   = "us-central1"
    eu   = "europe-west1"
    asia = "asia-east1"
    nam5 = "us-central1"
    eur3 = "europe-west1"
  }, var.regions)

  # Of all plain functions: beside the metadata, which every request reads.
  region = lookup(local.regions_of_multi_regions, var.metadata_region, var.metadata_region)

  # Location → the region in which uploads to it are received.
  regions_of_locations = {
    for location in toset(values(var.domains)) : location => lookup(local.regions_of_multi_regions, location, location)
  }

  # Location → where its buckets are, as Cloud Storage writes it. What mirrors keep is a location of its own.
  bucket_places = merge(
    { for location in toset(values(var.domains)) : location => upper(location) },
    var.mirror == null ? {} : { mirror = upper(var.mirror.location) },
  )

  mirror_domains = var.mirror == null ? [] : keys(var.mirror.domains)
  mirror_region  = var.mirror == null ? null : lookup(local.regions_of_multi_regions, var.mirror.location, var.mirror.location)
}
