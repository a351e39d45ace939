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
}

variable "subscribers" {
  description = "Services that are told of changes: an HTTPS endpoint each, and the service account that the push is signed by, where it asks for that."
  type = map(object({
    endpoint        = string
    service_account = optional(string)
  }))
  default  = {}
  nullable = false
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
