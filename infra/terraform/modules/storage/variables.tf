variable "project" {
  description = "The id of the project. Names of buckets begin with it, since nobody else has it."
  type        = string
}

variable "buckets" {
  description = "Location of the registry → where its buckets are, as Cloud Storage writes it: US, EUROPE-WEST1. `mirror` stands for what pull-through caches keep."
  type        = map(string)
}
