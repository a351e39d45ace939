variable "project" {
  description = "The id of the Google Cloud project."
  type        = string
}

variable "region" {
  description = "Where the service `admin` runs: beside the metadata."
  type        = string
}

variable "locations" {
  description = "Location of images → the region in which uploads to it are received."
  type        = map(string)
}

variable "mirror" {
  description = "The region of the service `mirror`; none where there are no mirrors."
  type        = string
  default     = null
}

variable "accounts" {
  description = "The service accounts' e-mail addresses, of each service by its function's name."
  type        = map(string)
}

variable "environments" {
  description = "Function → variable → value, of what is no secret."
  type        = map(map(string))

  validation {
    condition = alltrue(flatten([
      for environment in values(var.environments) : [for value in values(environment) : value != null]
    ]))
    error_message = "Not set: ${join(", ", distinct(flatten([for environment in values(var.environments) : [for name, value in environment : name if value == null]])))}."
  }
}

variable "secret_environments" {
  description = "Function → variable → the secret in Secret Manager that it is."
  type        = map(map(string))
}

variable "image" {
  description = "The image of all services, by its digest: a tag could be another image tomorrow."
  type        = string

  validation {
    condition     = can(regex("@sha256:[0-9a-f]{64}$", var.image))
    error_message = "An image is deployed by its digest."
  }
}

variable "instances_max" {
  description = "How many instances of a service may run at once, whatever it needs: what the region's quota of processors allows."
  type        = number
}
