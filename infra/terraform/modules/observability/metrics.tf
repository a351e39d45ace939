# Figures that are made of lines in the log. test/terraform/observability.test.ts has the code write those lines, and holds
# the filters against them.
#
# A line tells of one location of images. Its label is not called `location`, as that of the resource is: where Cloud Run runs.

locals {
  # Of seconds. What alerts compare with is a border, so that a figure on either side of it is told apart exactly.
  bounds_in_seconds = [1, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400]
}

resource "google_logging_metric" "outbox_age" {
  project     = var.project
  name        = "berth_outbox_age"
  description = "How long the oldest change waits that a sweep left unpublished, in seconds."
  filter      = <<-EOT
    resource.type="cloud_run_revision"
    resource.labels.service_name="${var.services["events"]}"
    jsonPayload.message="the outbox was swept"
  EOT

  value_extractor  = "EXTRACT(jsonPayload.oldestPendingSeconds)"
  label_extractors = { registry_location = "EXTRACT(jsonPayload.location)" }

  metric_descriptor {
    display_name = "Outbox age"
    metric_kind  = "DELTA"
    value_type   = "DISTRIBUTION"
    unit         = "s"

    labels {
      key         = "registry_location"
      value_type  = "STRING"
      description = "The location of the images."
    }
  }

  bucket_options {
    explicit_buckets {
      bounds = local.bounds_in_seconds
    }
  }
}

resource "google_logging_metric" "collector_lag" {
  project     = var.project
  name        = "berth_collector_lag"
  description = "How long ago the oldest review was due that a run of the collector left undone, in seconds."
  filter      = <<-EOT
    resource.type="cloud_run_revision"
    resource.labels.service_name="${var.services["collector"]}"
    jsonPayload.message="the collector ran"
  EOT

  value_extractor  = "EXTRACT(jsonPayload.lagSeconds)"
  label_extractors = { registry_location = "EXTRACT(jsonPayload.location)" }

  metric_descriptor {
    display_name = "Collector lag"
    metric_kind  = "DELTA"
    value_type   = "DISTRIBUTION"
    unit         = "s"

    labels {
      key         = "registry_location"
      value_type  = "STRING"
      description = "The location of the images; `mirrors` for what mirrors keep."
    }
  }

  bucket_options {
    explicit_buckets {
      bounds = local.bounds_in_seconds
    }
  }
}

# What Berth itself calls an error is never a client's doing. Cloud Run's own lines of requests are counted elsewhere.
resource "google_logging_metric" "errors" {
  project     = var.project
  name        = "berth_errors"
  description = "Lines that tell of an error on our side, by function."
  filter      = <<-EOT
    resource.type="cloud_run_revision"
    log_id("run.googleapis.com/stderr")
    severity>=ERROR
  EOT

  metric_descriptor {
    display_name = "Errors"
    metric_kind  = "DELTA"
    value_type   = "INT64"
    unit         = "1"
  }
}
