variable "project" {
  description = "The id of the project."
  type        = string
}

variable "database" {
  description = "The id of the registry's database."
  type        = string
}

variable "blobs_buckets" {
  description = "Location → the name of its bucket for blobs. Without that of mirrors."
  type        = map(string)
}

variable "staging_buckets" {
  description = "Location → the name of its bucket for uploads that are not at their end."
  type        = map(string)
}

variable "mirror_bucket" {
  description = "The name of the bucket for what mirrors keep; null where there are none."
  type        = string
  default     = null
}

variable "topic" {
  description = "The id of the topic that changes are published on."
  type        = string
}

variable "secrets" {
  description = "Short name → the id of the secret."
  type        = map(string)
}

variable "google_groups" {
  description = "Groups of people: `operators` release the registry and see everything, `observers` see figures and logs."
  type = object({
    operators = optional(string)
    observers = optional(string)
  })
}
