variable "project" {
  description = "The id of the Google Cloud project."
  type        = string
}

variable "region" {
  description = "Where the functions run: beside the metadata, which every request reads."
  type        = string
}

variable "accounts" {
  description = "The service accounts' e-mail addresses: of each function by its name, of `trigger` and `scheduler`, who call, and of `builder`, who builds."
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

variable "source_archive" {
  description = "The zip that all functions are made of. Its name tells what is in it: nothing is deployed anew while that stays the same."
  type        = object({ bucket = string, object = string })
}

variable "repository" {
  description = "The Docker repository in Artifact Registry that gets what is built of the functions, by its id: `projects/…/locations/…/repositories/…`."
  type        = string
}

variable "instances_max" {
  description = "How many instances of a function may run at once, whatever it needs: what the region's quota of processors allows."
  type        = number
}
