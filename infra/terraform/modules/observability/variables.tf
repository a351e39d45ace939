variable "project" {
  description = "The id of the project."
  type        = string
}

variable "alert_email" {
  description = "Who is told when something is wrong."
  type        = string
}

variable "domains" {
  description = "The hosts by which clients call the registry."
  type        = list(string)
}

variable "mirror_domains" {
  description = "The hosts that are pull-through caches."
  type        = list(string)
  default     = []
}

variable "services" {
  description = "Target → the name of its Cloud Run service, of the functions that tell how far behind they are: events and collector."
  type        = map(string)
}

variable "instances_max" {
  description = "Cloud Run service → how many instances of it may run at once."
  type        = map(number)
}

variable "dead_letter_subscription" {
  description = "The name of the subscription that keeps what no subscriber took."
  type        = string
}

variable "monthly_budget" {
  description = "Of how much a month, in the currency of the billing account, you are told when it is spent; null for no budget."
  type        = number
  default     = null
}
