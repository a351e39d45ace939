variable "project" {
  description = "The id of the project."
  type        = string
}

variable "project_number" {
  description = "Its number, which Google's own accounts in it are named by."
  type        = string
}

variable "region" {
  description = "Where the functions run."
  type        = string
}

variable "subscribers" {
  description = "Name → a service that is told of changes: its HTTPS endpoint, and the service account that the push is signed by, where it asks for that."
  type = map(object({
    endpoint        = string
    service_account = optional(string)
  }))
}

variable "database" {
  description = "The database that has the outbox."
  type        = string
}

variable "trigger_location" {
  description = "Where that database is: a region, or nam5 or eur3."
  type        = string
}

variable "relay" {
  description = "The Cloud Run service of the function `events`."
  type        = string
}

variable "trigger_account" {
  description = "The service account in whose name the trigger calls it."
  type        = string
}
