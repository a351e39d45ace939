variable "project" {
  description = "The id of the project."
  type        = string
}

variable "region" {
  description = "Where the plain functions run."
  type        = string
}

variable "domains" {
  description = "The registry's hosts, each with the location that its images lie in."
  type        = map(string)
}

variable "mirror_domains" {
  description = "The hosts that are mirrors."
  type        = list(string)
}

variable "functions" {
  description = "Plain function → its Cloud Run service. The URL map names those that clients reach."
  type        = map(string)
}

variable "uploads" {
  description = "Location → the service that receives uploads to it."
  type        = map(object({ name = string, region = string }))
}

variable "admin" {
  description = "The service of the API."
  type        = object({ name = string, region = string })
}

variable "mirror" {
  description = "The service that answers for mirrors; null where there are none."
  type        = object({ name = string, region = string })
  default     = null
}

variable "throttle" {
  description = "How many requests one address may make a minute before it is told 429: at `/v2/token`, and of each function beside. With `preview` they are let through, and logged as what would have been refused."
  type = object({
    tokens_per_minute   = optional(number, 10000)
    requests_per_minute = optional(number, 120000)
    preview             = optional(bool, false)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.throttle.tokens_per_minute >= 1 && var.throttle.requests_per_minute >= var.throttle.tokens_per_minute
    error_message = "One request a minute at least, and no more at the token endpoint than of others."
  }
}

variable "log_sample_rate" {
  description = "Of which part of the requests the load balancer writes a line: 0 for none, 1 for all. The functions log each request anyway; here is seen what did not reach them."
  type        = number
  default     = 0.01

  validation {
    condition     = var.log_sample_rate >= 0 && var.log_sample_rate <= 1
    error_message = "The part is between 0 and 1."
  }
}
