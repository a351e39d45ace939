variable "project" {
  description = "The id of the project."
  type        = string
}

variable "name" {
  description = "The database's id. It is not `(default)`, so that one restored beside it is as good: only the name changes."
  type        = string
}

variable "location" {
  description = "Where it is: a region, or nam5 or eur3. It cannot be moved."
  type        = string
}
