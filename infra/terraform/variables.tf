# The five that you fill.

variable "project" {
  description = "The id of the Google Cloud project, which is Berth's alone."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "A project's id is 6 to 30 lower-case letters, digits and hyphens, and begins with a letter."
  }
}

variable "domains" {
  description = "The hosts by which clients call the registry, each with where its images lie: a location of Cloud Storage, such as us, eu, asia or europe-west1."
  type        = map(string)

  validation {
    condition     = length(var.domains) > 0
    error_message = "A registry has one domain at least."
  }
  validation {
    condition     = alltrue([for domain in keys(var.domains) : can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", domain))])
    error_message = "Domains are written in lower case, without https:// and without a port."
  }
  validation {
    condition     = alltrue([for location in values(var.domains) : can(regex("^(us|eu|asia|[a-z]+-[a-z]+[0-9]+)$", location))])
    error_message = "A location is us, eu, asia, or a region such as europe-west1, in lower case."
  }
}

variable "metadata_region" {
  description = "Where tags and manifests lie, and the functions run: a region such as us-central1, or one of Firestore's multi-regions, nam5 or eur3. It cannot be changed later."
  type        = string

  validation {
    condition     = can(regex("^(nam5|eur3|[a-z]+-[a-z]+[0-9]+)$", var.metadata_region))
    error_message = "The metadata lie in nam5, eur3, or a region such as us-central1."
  }
}

variable "alert_email" {
  description = "Who is told when something is wrong."
  type        = string

  validation {
    condition     = can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", var.alert_email))
    error_message = "That is no e-mail address."
  }
}

variable "google_groups" {
  description = "Groups of people who look after the registry: `operators` release it and see everything, `observers` see figures and logs."
  type = object({
    operators = optional(string)
    observers = optional(string)
  })
  default  = {}
  nullable = false
}

# What else can be chosen.

variable "mirror" {
  description = "Hosts that are pull-through caches: each with its upstream, where that is not Docker Hub (`https://…`; else an empty text), all kept in one location."
  type = object({
    location = string
    domains  = map(string)
  })
  default = null
}

variable "database" {
  description = "The id of the Firestore database. Another one than berth after that was restored from a backup, which always makes a new one."
  type        = string
  default     = "berth"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,61}[a-z0-9]$", var.database))
    error_message = "A database's id is 4 to 63 lower-case letters, digits and hyphens, and begins with a letter."
  }
}

variable "regions" {
  description = "Where Cloud Run is to run for a location or a metadata region, instead of the usual region: `{ us = \"us-east1\", nam5 = \"us-east1\" }`, when us-central1 is lost."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for region in values(var.regions) : can(regex("^[a-z]+-[a-z]+[0-9]+$", region))])
    error_message = "Cloud Run runs in a region, such as us-central1."
  }
}

variable "settings" {
  description = "Settings of the README's table that are neither secret nor made of the variables here, such as BERTH_ANONYMOUS_PULL."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = length(setsubtract(keys(var.settings), keys(local.known_settings))) == 0
    error_message = "Nothing reads ${join(", ", setsubtract(keys(var.settings), keys(local.known_settings)))}."
  }
  validation {
    condition     = length(setintersection(keys(var.settings), keys(module.secrets.variables))) == 0
    error_message = "${join(", ", setintersection(keys(var.settings), keys(module.secrets.variables)))}: put it into Secret Manager, where Terraform does not see it."
  }
  validation {
    condition     = length(setintersection(keys(var.settings), keys(local.made_settings))) == 0
    error_message = "${join(", ", setintersection(keys(var.settings), keys(local.made_settings)))}: made of the other variables."
  }
  validation {
    condition     = !contains(keys(var.settings), "BERTH_BUCKETS")
    error_message = "BERTH_BUCKETS: the functions may not make buckets here."
  }
}

variable "subscribers" {
  description = "Services that are told of changes: an HTTPS endpoint each, and the service account that the push is signed by, where it asks for that."
  type = map(object({
    endpoint        = string
    service_account = optional(string)
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for name in keys(var.subscribers) : can(regex("^[a-z0-9][a-z0-9-]{0,62}$", name))])
    error_message = "A subscriber's name is lower-case letters, digits and hyphens."
  }
  validation {
    condition     = !contains(keys(var.subscribers), "dead-letters")
    error_message = "A subscriber cannot be called dead-letters: there is a subscription of that name."
  }
  validation {
    condition     = alltrue([for subscriber in values(var.subscribers) : startswith(subscriber.endpoint, "https://")])
    error_message = "Pub/Sub pushes to https:// alone."
  }
}

variable "throttle" {
  description = "How many requests one address may make a minute before it is told 429: 10,000 at the token endpoint and 120,000 of each function beside, where nothing else is said. A cluster is often one address. With `preview` nothing is refused, but logged as what would have been."
  type = object({
    tokens_per_minute   = optional(number)
    requests_per_minute = optional(number)
    preview             = optional(bool)
  })
  default  = {}
  nullable = false
}

variable "instances_max" {
  description = "How many instances of one function may run at once, whatever it needs. Cloud Run refuses a function that may have more than the region's quota of processors: 20 in most new projects, for which this is made. Ask for a greater quota, and then say here how much it is."
  type        = number
  default     = 20
  nullable    = false

  validation {
    condition     = var.instances_max >= 1 && floor(var.instances_max) == var.instances_max
    error_message = "One instance at least, and whole ones."
  }
}

variable "monthly_budget" {
  description = "Of how much a month, in the currency of the billing account, you are told when it is spent. Needs the right to make budgets there; without it, leave it out."
  type        = number
  default     = null
}

variable "release" {
  description = "What is deployed: made of this checkout when left out. A build gives what it has tested, and a rollback what was there before."
  type = object({
    functions = string
    image     = string
  })
  default = null
}
