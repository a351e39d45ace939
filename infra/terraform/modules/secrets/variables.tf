variable "project" {
  description = "The id of the project."
  type        = string
}
