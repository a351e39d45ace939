output "uploads" {
  description = "Location of images → the Cloud Run service that takes their layers, and its region."
  value = {
    for location, region in var.locations : location => {
      name   = google_cloud_run_v2_service.services["uploads-${location}"].name
      region = region
    }
  }
}

output "admin" {
  description = "The Cloud Run service `admin`, and its region."
  value = {
    name   = google_cloud_run_v2_service.services["admin"].name
    region = var.region
  }
}

output "mirror" {
  description = "The Cloud Run service `mirror` and its region; none where there are no mirrors."
  value = var.mirror == null ? null : {
    name   = google_cloud_run_v2_service.services["mirror"].name
    region = var.mirror
  }
}
