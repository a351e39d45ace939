# Which services there are, what an instance of each has, and how many there are at most.

locals {
  services = merge(
    # Beside the buckets that the layers go to.
    {
      for location, region in var.locations : "uploads-${location}" => merge(local.sizes.uploads, {
        function    = "uploads"
        region      = region
        description = "Takes the layers of ${location}"
      })
    },
    {
      admin = merge(local.sizes.admin, {
        function    = "admin"
        region      = var.region
        description = "Answers for policies, robots and the audit"
      })
    },
    var.mirror == null ? {} : {
      mirror = merge(local.sizes.mirror, {
        function    = "mirror"
        region      = var.mirror
        description = "Gives what other registries have"
      })
    },
  )

  sizes = {
    # One upload needs 120 MiB with all of Node, 16 at once 253 MiB (measured, whatever their size): twice that is left. A
    # processor hashes 1 GB/s and takes 250 MB/s over HTTP/2, more than an instance's network has. An upload may take as long
    # as Cloud Run lets any request take. The second generation has the faster network, and that is all that counts here.
    uploads = {
      cpu                   = "1"
      memory                = "1Gi"
      concurrency           = 16
      timeout_seconds       = 3600
      instances_max         = 100
      execution_environment = "EXECUTION_ENVIRONMENT_GEN2"
    }

    # JSON of a few KiB, asked seldom: that an instance begins fast counts more, which the first generation is for.
    admin = {
      cpu                   = "1"
      memory                = "512Mi"
      concurrency           = 40
      timeout_seconds       = 60
      instances_max         = 10
      execution_environment = "EXECUTION_ENVIRONMENT_GEN1"
    }

    # As uploads, in both directions: a blob that comes is kept in the piece that readers follow in, 2 MiB each.
    mirror = {
      cpu                   = "1"
      memory                = "1Gi"
      concurrency           = 32
      timeout_seconds       = 3600
      instances_max         = 50
      execution_environment = "EXECUTION_ENVIRONMENT_GEN2"
    }
  }

  # Of every service, beside what it reads itself.
  environment = {
    # Tokens that name many scopes make headers longer than Node takes.
    NODE_OPTIONS = "--max-http-header-size=65536"
  }
}
